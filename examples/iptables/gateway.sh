#!/bin/sh
# A gateway for those who have knocked, with the ipsets of portknockd:
#
#   portknockd firewall install --config gateway.toml
#   sh gateway.sh
#
# It adds rules, once, and changes no policy.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin

inside=eth1
outside=eth0
# With spelling = "ordered" in gateway.toml: 40000:40255
window=40000:44095

rules() { # IPTABLES DOOR
  # Knocks are told to portknockd ([capture] group), and answered by nobody. Answers to connections from here, or that are
  # forwarded, may come to the same ports, and pass.
  "$1" -w -t raw -A PREROUTING -p tcp --dport $window --syn -m addrtype --dst-type LOCAL \
    -j NFLOG --nflog-group 5 --nflog-size 256
  "$1" -w -t raw -A PREROUTING -p tcp --dport $window --syn -m addrtype --dst-type LOCAL -j DROP
  "$1" -w -A INPUT -p tcp --dport $window -m state ! --state ESTABLISHED -j DROP

  # Whoever has opened the door "nat" is hidden behind our address at the interface that leads outside.
  "$1" -w -t nat -A POSTROUTING -o $outside -m set --match-set "$2_nat" src -j MASQUERADE

  # What comes from inside goes out for those alone who have opened one of the doors.
  "$1" -w -A FORWARD -i $inside -m state --state ESTABLISHED,RELATED -j ACCEPT
  "$1" -w -A FORWARD -i $inside -m set --match-set "$2_nat" src -j ACCEPT
  "$1" -w -A FORWARD -i $inside -m set --match-set "$2_out" src -j ACCEPT
  "$1" -w -A FORWARD -i $inside -j DROP
}

rules iptables door
rules ip6tables door6
