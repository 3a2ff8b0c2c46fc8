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

# With spelling = "ordered" in john-doe.toml: 40000:40255
window=40000:44095

rules() { # IPTABLES SET
  # Knocks are told to portknockd ([capture] group), and answered by nobody. Answers to connections from here, or that are
  # forwarded, may come to the same ports, and pass.
  "$1" -w -t raw -A PREROUTING -p tcp --dport $window --syn -m addrtype --dst-type LOCAL \
    -j NFLOG --nflog-group 5 --nflog-size 256
  "$1" -w -t raw -A PREROUTING -p tcp --dport $window --syn -m addrtype --dst-type LOCAL -j DROP
  "$1" -w -A INPUT -p tcp --dport $window -m state ! --state ESTABLISHED -j DROP

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
