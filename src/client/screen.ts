/** What the user sees while it goes on: on a terminal one line that is drawn over and over; with --verbose every step. */
import type { KnockEvent } from './deliver.js';
import type { Tell } from './signing/key.js';

const redrawMs = 100;
const clearLine = '\r\x1b[K';

/** How much is shown. */
export interface ScreenChoice {
  readonly place: string;
  readonly waitPort: number | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Whether the one line is wanted; it is drawn on a terminal only. */
  readonly live: boolean;
}

/** Standard error, as far as this needs it. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Screen {
  readonly #choice: ScreenChoice;
  readonly #terminal: Terminal;
  readonly #isLive: boolean;
  #line = '';
  #redraw: NodeJS.Timeout | undefined;

  constructor(choice: ScreenChoice, terminal: Terminal = process.stderr) {
    this.#choice = choice;
    this.#terminal = terminal;
    this.#isLive = choice.live && !choice.quiet && terminal.isTTY === true;
  }

  readonly watch = (event: KnockEvent): void => {
    const text = tell(event);
    if (event.event === 'warning') this.warn(event.message);
    else if (this.#choice.verbose && text !== undefined) this.#print(text);
    if (this.#isLive) this.#animate(event);
  };

  warn(message: string): void {
    if (!this.#choice.quiet) this.#print(`warning: ${message}`);
  }

  /** Both of what follows, as what a signature asks for is told. */
  get tell(): Tell {
    return { say: message => this.say(message), note: message => this.note(message) };
  }

  /** What a person who waits should know. */
  say(message: string): void {
    // What it tells of may ask at this terminal, and would be drawn over.
    this.clear();
    if (!this.#choice.quiet) this.#print(message);
  }

  /** Only for those who want to see every step. */
  note(message: string): void {
    if (this.#choice.verbose) this.#print(message);
  }

  /** Leaves the terminal as it was. */
  clear(): void {
    clearInterval(this.#redraw);
    this.#redraw = undefined;
    if (this.#line !== '') this.#terminal.write(clearLine);
    this.#line = '';
  }

  #print(text: string): void {
    if (this.#line !== '') this.#terminal.write(clearLine);
    this.#terminal.write(`portknock: ${text}\n`);
    if (this.#line !== '') this.#draw(this.#line);
  }

  #animate(event: KnockEvent): void {
    const { place, waitPort } = this.#choice;
    if (event.event === 'sent') this.#draw(`${this.#line}.`);
    if (event.event === 'knocking') {
      this.clear();
      this.#draw(`${place}: knocking at ${event.address} `);
    }
    if (event.event === 'waiting') {
      const startedAt = performance.now();
      this.#redraw = setInterval(() => {
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        this.#draw(`${place}: waiting for port ${waitPort} … ${seconds} s`);
      }, redrawMs).unref();
    }
  }

  #draw(line: string): void {
    this.#line = line;
    // A line that wraps could not be drawn over.
    this.#terminal.write(`${clearLine}${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`);
  }
}

function tell(event: KnockEvent): string | undefined {
  switch (event.event) {
    case 'resolved':
      return `addresses: ${event.targets.map(({ address }) => address).join(', ')}`;
    case 'knocking':
      return `knock ${event.attempt} at ${event.address}, ${event.description}`;
    case 'unreachable':
      return `${event.address} cannot be reached (${event.code})`;
    case 'waiting':
      return `waiting at ${event.addresses.join(', ')}`;
    default:
      return undefined;
  }
}
