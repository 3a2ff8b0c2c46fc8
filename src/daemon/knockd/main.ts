/** `portknockd knockd`: takes knockd's place, with its options, its log and its manners. */
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatAddress, isIPv4Mapped } from '../../net/address.js';
import { interfaceAddresses, isEthernet } from '../../net/interfaces.js';
import { type Options, type OptionTable, readCommandLine } from '../../system/command-line.js';
import { errorCode, OperatorError } from '../../system/error.js';
import type { Config } from '../config.js';
import { Monitor } from '../monitor.js';
import { isBackground, runInBackground, tellReady } from './background.js';
import { spellOut } from './getopt.js';
import { HostNames } from './hostnames.js';
import { KnockdLog, type Outputs } from './log.js';
import { defaultKnockdConf, type KnockdSettings, knockdReader } from './settings.js';

const table = {
  interface: { kind: 'text', short: 'i' },
  daemon: { kind: 'flag', short: 'd' },
  config: { kind: 'text', short: 'c' },
  debug: { kind: 'flag', short: 'D' },
  lookup: { kind: 'flag', short: 'l' },
  pidfile: { kind: 'text', short: 'p' },
  logfile: { kind: 'text', short: 'g' },
  verbose: { kind: 'flag', short: 'v' },
  onlyIpV4: { kind: 'flag', short: '4' },
  version: { kind: 'flag', short: 'V' },
  help: { kind: 'flag', short: 'h' },
  user: { kind: 'text' },
  stateDirectory: { kind: 'text' },
  scanGuard: { kind: 'flag' },
} as const satisfies OptionTable;

type Given = Options<typeof table>;

const usage = `usage: portknockd knockd [options]

  -i, --interface NAME    where to listen, or any (eth0)
  -d, --daemon            become a daemon
  -c, --config FILE       use another configuration (${defaultKnockdConf})
  -D, --debug             print how the configuration is read, and every packet
  -l, --lookup            tell the names of sources, not only their addresses
  -p, --pidfile FILE      use another pid file (/var/run/knockd.pid)
  -g, --logfile FILE      use this log file
  -v, --verbose           print what is logged
  -4, --only-ip-v4        do without IPv6
  -V, --version           print the version
  -h, --help              print this

What knockd does not have:
      --user NAME              who reads the packets (portknock, or else nobody)
      --state-directory DIR    where stop commands that are owed are kept
      --scan-guard             no door opens to who scans ports

What differs from knockd: man portknockd
`;

const defaultPidFile = '/var/run/knockd.pid';
const signalStatus = { SIGINT: 2, SIGTERM: 15 } as const;

/** @param argv what follows the word knockd @returns the exit status: of a signal its number, as knockd's @throws OperatorError */
export async function runKnockd(argv: readonly string[], version: string): Promise<number> {
  const { input, options } = readCommandLine(spellOut(argv, table), table, 'portknockd');
  if (options.help) return print(usage);
  if (options.version) return print(`portknockd ${version}, in the place of knockd 0.8\n`);
  if (input.length > 0) {
    throw new OperatorError('usage', `expected options only, got "${input[0]}"`, { hint: 'see --help' });
  }
  return options.daemon && !isBackground() ? runInBackground(argv) : run(options);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function run(options: Given): Promise<number> {
  const { log, open } = openLog(options);
  const folder = process.cwd();
  let pidFile: string | undefined;
  const readSettings = settingsReader(options, folder);
  const read = (): Config => {
    const { config, conf, titles } = readSettings();
    const logFile = conf.logFile ?? options.logfile;
    open({
      logFile: logFile === '' || logFile === undefined ? undefined : resolve(folder, logFile),
      useSyslog: conf.useSyslog,
      titles,
    });
    pidFile ??= resolve(folder, conf.pidFile ?? options.pidfile ?? defaultPidFile);
    return config;
  };
  // Nobody reads what -v and -D say any more: doors still have to be opened, and closed.
  for (const output of [process.stdout, process.stderr])
    output.removeAllListeners('error').on('error', () => {});
  const isDaemon = isBackground();
  const ready = () => {
    if (!isDaemon) return;
    writePidFile(pidFile!);
    tellReady();
  };
  const status = await new Monitor(read, log, { signalStatus, ready, isDaemon }).run();
  if (isDaemon) rmSync(pidFile!, { force: true });
  return status;
}

function openLog({ verbose, lookup }: Given) {
  const knockdLog = new KnockdLog({
    verbose,
    hostNames: lookup ? new HostNames() : undefined,
    format: 'text',
    lowest: 'warn',
  });
  return { log: knockdLog.log, open: (outputs: Outputs) => knockdLog.open(outputs) };
}

function settingsReader(options: Given, folder: string): () => KnockdSettings {
  const debug = options.debug ? (line: string) => process.stdout.write(`${line}\n`) : () => {};
  const read = knockdReader(
    options.config ?? defaultKnockdConf,
    {
      interface: options.interface,
      ipv4Only: options.onlyIpV4,
      scanGuard: options.scanGuard,
      user: options.user,
      stateDirectory: options.stateDirectory,
      tellsPackets: options.debug,
      folder,
    },
    debug,
  );
  return () => {
    const settings = read();
    if (options.debug) describeInterface(settings.config, debug);
    return settings;
  };
}

function describeInterface({ capture }: Config, debug: (line: string) => void): void {
  if (capture.from !== 'interface') return;
  if (isEthernet(capture.interface)) debug('ethernet interface detected');
  for (const address of interfaceAddresses(capture.interface)) {
    if (capture.ipv6 || isIPv4Mapped(address)) debug(`local IP: ${formatAddress(address)}`);
  }
}

function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new OperatorError('no-pidfile', `${path}: cannot be written (${errorCode(error)})`, {
      hint: 'say where with -p',
    });
  }
}
