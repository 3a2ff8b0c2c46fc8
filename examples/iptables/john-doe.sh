#!/bin/sh
# The four lines of sigknock's scenario, with the ipsets of portknockd in the place of its match:
#
#   portknockd firewall install --config john-doe.toml
#   sh john-doe.sh
#
# It adds rules, once, and changes no policy. `portknockd firewall translate --backend ipset` makes such rules of lines with
# -m sigknock.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin

# As in john-doe.toml.
port=62462

rules() { # IPTABLES SET
  # What asks and answers at the port of challenges is told to portknockd ([capture] group, and by that word), and goes on as
  # at every port. Nobody can make more of it than that.
  "$1" -w -t raw -A PREROUTING -p udp --dport $port -m addrtype --dst-type LOCAL \
    -m hashlimit --hashlimit-upto 100/sec --hashlimit-burst 200 --hashlimit-mode srcip --hashlimit-name challenge \
    -j NFLOG --nflog-group 5 --nflog-prefix challenge --nflog-size 1400

  # We accept already established connections to the SSH port.
  "$1" -w -A INPUT -p tcp --dport 22 -m state --state ESTABLISHED -j ACCEPT
  "$1" -w -A OUTPUT -p tcp --sport 22 -m state --state ESTABLISHED -j ACCEPT

  # Now accept new connections only after a knock of John Doe, and one for each: what lets him in takes him out of the set.
  # Two processors may do so at once: of those, the first passes.
  "$1" -w -N john_doe
  "$1" -w -A john_doe -m hashlimit --hashlimit-above 1/sec --hashlimit-burst 1 --hashlimit-mode srcip \
    --hashlimit-htable-expire 1000 --hashlimit-name john_doe -j RETURN
  "$1" -w -A john_doe -j SET --del-set "$2" src
  "$1" -w -A john_doe -j ACCEPT
  "$1" -w -A INPUT -p tcp --dport 22 -m state --state NEW -m set --match-set "$2" src -j john_doe

  # And drop the rest.
  "$1" -w -A INPUT -p tcp --dport 22 -j DROP
}

rules iptables client_john_doe
rules ip6tables client6_john_doe
