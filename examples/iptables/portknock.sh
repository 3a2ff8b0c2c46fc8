#!/bin/sh
# A firewall of one's own for knocking, with iptables. It logs the SYNs in the window to NFLOG group 5, where ulogport
# reads them:
#
#   sh portknock.sh
#   ulogport --group 5 | portknockd run --capture stdin --config open-door.toml
#
# With command doors only, as in open-door.toml, portknockd keeps no table of its own. What a knock changes is rules
# in the chains portknock_in and portknock_out, which open-door.sh adds and takes away; nothing else here is touched.
#
# It takes the place of every rule in the filter tables, and shuts everything else: look at "administrators" first.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin

# With spelling = "ordered" in open-door.toml: 40000:40255
window=40000:44095
# They reach SSH without knocking. Your own way in, should all knocking fail.
administrators4=192.0.2.0/24
administrators6=2001:db8:1::/48

# Loaded as a whole: there is no moment in which half of it is in force.
rules() { # ICMP-RULES ADMINISTRATORS
  cat <<RULES
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
:portknock_in - [0:0]
:portknock_out - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -j portknock_in
$1
-A INPUT -s $2 -p tcp --dport 22 -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -j portknock_out
-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT
-A portknock_in -p tcp --dport $window --syn -j NFLOG --nflog-group 5 --nflog-size 128
-A portknock_in -p tcp --dport $window -j DROP
COMMIT
RULES
}

icmp4='-A INPUT -p icmp --icmp-type destination-unreachable -j ACCEPT'
icmp6='-A INPUT -p icmpv6 --icmpv6-type neighbour-solicitation -j ACCEPT
-A INPUT -p icmpv6 --icmpv6-type neighbour-advertisement -j ACCEPT
-A INPUT -p icmpv6 --icmpv6-type router-advertisement -j ACCEPT
-A INPUT -p icmpv6 --icmpv6-type packet-too-big -j ACCEPT
-A OUTPUT -p icmpv6 -j ACCEPT'

rules "$icmp4" "$administrators4" | iptables-restore -w
rules "$icmp6" "$administrators6" | ip6tables-restore -w
