/** What the client says about itself. */
import { readFileSync } from 'node:fs';

export const shortUsage = `usage: portknock PROFILE [DOOR]
       portknock import FILE
       portknock --help
`;

export const help = `portknock: asks a server that answers nobody to open a door

usage: portknock PROFILE [DOOR] [options]
       portknock HOST BASE-PORT COMMAND-ID --client-id N --site-key-file F --key-file F [options]
       portknock HOST BASE-PORT COMMAND-ID --classic-passphrase-file F [options]
       portknock sequence HOST PORT[:udp]... [options]
       portknock sequence HOST --one-time-sequences FILE [options]
       portknock datagram HOST --port tcp/PORT --pfx F --server-certificate F [--verify] [options]
       portknock challenge HOST DOOR --port PORT --site-key-file F --user UID|--ssh [options]
       portknock proxy PROFILE HOST PORT [--door DOOR] [options]
       portknock connect HOST PORT --psk-file F [options]
       portknock connect HOST PORT [--socket PATH] [options]
       portknock import FILE|- [--name NAME] [--host HOST] [--force] [--for USER[,USER]]
       portknock profiles [--json]
       portknock socket-service [--listen PATH] [--profiles FOLDER]
       portknock ca init|issue NAME|server NAME|revoke NAME|crl|list [options]

  -w, --wait PORT         until the TCP port is open, knocking again where needed
  -t, --timeout DURATION  how long to wait (10s)
  -r, --retries N         how often to knock again while waiting (3)
  -d, --delay MS          between two packets (0)
  -a, --address ADDR      own address to bind: an address, auto, local or none (auto)
  -4, --ipv4              only IPv4
  -6, --ipv6              only IPv6
      --raw               through a raw socket; needs CAP_NET_RAW
  -n, --dry-run           print what would be sent: ports, one a line, or datagrams; and send nothing
      --time TIME         fix the clock: ISO 8601, or milliseconds since 1970
      --json              print the result as one JSON object
  -q, --quiet             print errors only
  -v, --verbose           print every step
  -h, --help              print this
  -V, --version           print the version

  --client-id N                   who knocks, 0 to 65535
  --site-key-file FILE            the server's key, 64 hexadecimal digits
  --key-file FILE                 the client's key, 64 hexadecimal digits
  --classic-passphrase-file FILE  instead of all three: knocks that can be replayed
  -s, --spelling spread           32 SYNs, of which any 19 do; as the server wants it (ordered)

Plain sequences, as knock sends them to knockd: 7000, 8000:udp, 9000/udp, ssh
  -u, --udp                       all of the ports are UDP
      --one-time-sequences FILE   the next line of a copy of the server's file, marked in it before it is sent;
                                  knocking again while waiting repeats that line and takes no other

Datagrams, as sKnock has them: one for each service, signed by a certificate, never answered
      --port tcp/PORT|udp/PORT    what is asked for
      --pfx FILE                  the client's key and certificate, PKCS #12
      --password-file FILE        its password; else PORTKNOCK_PASSWORD in the environment, else it is asked for
      --server-certificate FILE   the server's certificate, PEM or DER
      --knock-port PORT           the UDP port that it goes to (one of 10000 to 60000)
      --verify                    wait for the port that is asked for, knocking 3 times at most
      --address ADDR              the address to sign: the one that the server sees (auto: the local one)

Challenges, as sigknock had them: the server asks, and a key of OpenPGP or SSH signs; the port of the server is UDP
      --port PORT             where the server hears them
      --site-key-file FILE    the server's key; without it nobody is answered
      --site NAME             instead, the name of a server that answers everybody
      --user UID              signed by gpg, with its agent, cards and pinentry: a user id or a fingerprint
      --key-file FILE         signed without gpg: a secret key, as gpg --export-secret-keys writes it
      --password-file FILE    its passphrase; else PORTKNOCK_PASSWORD in the environment, else it is asked for
      --ssh                   signed by the first key of ssh-agent
      --ssh-key FILE          signed by this SSH key: through ssh-agent if it has it, else by ssh-keygen

Sequence numbers, in the first packet of the connection itself: connect, and proxy with such a profile
  -p, --psk-file FILE         the key, one line; needs CAP_NET_ADMIN. Without it, the socket service is asked
  -R, --mac-port PORT         derive for this port, as behind port forwarding, and not for the one connected to
      --period DURATION       how long a number is good (30s)
      --tolerance DURATION    how far clocks may differ (30s)
  -T, --clock-offset [-]DURATION  added to the clock
      --socket PATH           where the socket service listens (/run/portknock/sockets)
      --fdpass                hand the connection over to an ssh that has ProxyUseFdpass, and end

The socket service gives users without privilege or key connections that begin with a sequence number
      --for USER[,USER]       whom it connects with the profile that is imported
      --profiles FOLDER       where its profiles are (/etc/portknock/sockets)
      --listen PATH           listen there; without it one request is served, as systemd has it

A CA of one's own, whose certificates open doors by datagram
      --directory FOLDER          where it is (~/.config/portknock/ca)
      --right tcp/22              what issue lets the client ask for: also udp/8000-8100, door/NAME; several may be given
      --service DOOR=tcp/22       a door of the profile that issue writes, for rights that name no single service
      --server NAME, --host HOST  whose profile it is to be, where there are several servers; and where that is
      --address local             in that profile, for a server with allow_other_address: nobody behind NAT is warned
      --days N                    how long it is in date: init 3650, issue and server 365, crl and revoke 30
      --password-file FILE        the password of the PKCS #12 file; else PORTKNOCK_PASSWORD, else it is asked for
      --force                     issue another certificate beside one in date

In an ssh configuration: ProxyCommand portknock proxy PROFILE %h %p
Exit status: 0 done, 1 failed, 2 wrong use, 3 did not open in time. More: man portknock
`;

/** The version of the package. */
export function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
