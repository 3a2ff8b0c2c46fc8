#!/bin/sh
# A door of one's own: opens or closes a TCP port of this machine for one address, in the firewall of
# nftables/portknock.nft or of iptables/portknock.sh. portknockd runs it, see open-door.toml:
#
#   open-door.sh open|close nftables|iptables PORT ADDRESS
#
# Either can be done twice: portknockd promises to close at least once, also after a crash or a reboot.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin

fail() {
  echo "open-door.sh: $1" >&2
  exit 2
}

[ $# -eq 4 ] || fail 'usage: open-door.sh open|close nftables|iptables PORT ADDRESS'
action=$1 firewall=$2 port=$3 address=$4

# portknockd gives the address in its canonical text. Whoever else runs this may not.
case $port in '' | *[!0-9]*) fail "no port: $port" ;; esac
case $address in
  '' | *[!0-9a-f:.]*) fail "no address: $address" ;;
  *:*) family=6 iptables=ip6tables ;;
  *) family=4 iptables=iptables ;;
esac

case $firewall-$action in
  nftables-open)
    nft add element inet firewall "knocked$family" "{ $address . $port }"
    ;;
  nftables-close)
    # Added first, so that there is something to delete; both at once, so that it is never open in between.
    nft -f - <<RULES
add element inet firewall knocked$family { $address . $port }
delete element inet firewall knocked$family { $address . $port }
RULES
    ;;
  iptables-open | iptables-close)
    # Each rule: is it there? Then `open` leaves it, and `close` takes it away.
    change() { # CHAIN RULE…
      chain=$1
      shift
      if "$iptables" -w -C "$chain" "$@" 2>/dev/null; then
        [ "$action" = open ] || "$iptables" -w -D "$chain" "$@"
      else
        [ "$action" = close ] || "$iptables" -w -A "$chain" "$@"
      fi
    }
    change portknock_in -s "$address" -p tcp --dport "$port" -j ACCEPT
    change portknock_out -d "$address" -p tcp --sport "$port" -j ACCEPT
    ;;
  *) fail "cannot $action with $firewall" ;;
esac
