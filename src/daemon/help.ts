/** What `portknockd --help` prints. portknockd.8 has the rest. */
export const help = `usage: portknockd [COMMAND] [OPTION...]

Keeps services out of everybody's sight, and lets in who knocks.

  run                        guard and listen, in the foreground (the default)
    --capture SOURCE           nflog, stdin, or the path of a FIFO or file of hit lines
    --log text|json            how to log, on standard error
  knockd                     take knockd's place, with its options: knockd --help
  check                      read the configuration; say what would be guarded
  init                       write a configuration with fresh keys
    --door NAME=SERVICE[,…]    such as ssh=tcp/22 (the default)
    --directory DIR            where (/etc/portknock)
    --base-port PORT           first port of the window (one by chance)
    --spelling ordered         knocks of 16 SYNs in order, in 256 ports (spread: any
                               19 of 32 SYNs, in 4096 ports)
    --sequence-number          no knocks: doors for connections with sequence numbers
    --user USER                whom the listener runs as (portknock)
    --always-allow NETWORK     who needs no knock; also added: the address that
                               you are connected from, but for
    --without-my-address
  client add NAME            let somebody knock; prints a profile for: portknock import
    --door DOOR                which door; may be given again
    --host HOST                where the client finds this machine
    --address optional         for a client behind NAT (required)
    --sequence-number          connects with sequence numbers, where the door takes both
  client list
  client remove NAME         refuse its knocks from now on
  status [--json]            what is open, who knocked, what was counted
  open DOOR ADDRESS          open by hand
  close DOOR ADDRESS
  firewall show|remove       the table in the kernel
  firewall install           load the table without starting to listen
    --undo-after TIME          take it away again unless confirmed by
  firewall confirm
  firewall translate FILE    rules of iptables with -m sigknock, as rules of ours
    --backend ipset            as rules of iptables with our ipsets
  explain CAPTURE            what the daemon would make of a pcap file or of hit lines
    --at TIME                  as if it had begun then

  -c, --config FILE          the configuration (/etc/portknock/portknockd.toml)
  --knockd-conf FILE         instead of it, for run, check, status, open, close and
                             explain: a configuration of knockd's, and with it
    --interface NAME           where to listen, or any (what it says, or eth0)
    --scan-guard               no door opens to who scans ports
    --state-directory DIR      stop commands that are owed (/var/lib/portknock/
                               knockd-NAME)
    --user USER                who reads the packets (portknock, or else nobody)
  -h, --help    -V, --version

SIGHUP reads the configuration again. Status: 0 done, 1 failed, 2 wrong use.
`;
