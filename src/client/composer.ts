/** What a method does for the client: it makes the packets of a knock. Sending, waiting and knocking again are one for all. */
import type { Hit } from '../net/send.js';
import type { Target } from './resolve.js';

/** Told what the person who knocks should know. */
export type Warn = (message: string) => void;

/** A knock at one target. */
export interface Composition {
  readonly target: Target;
  /** The own address that is bound into it; undefined for none. */
  readonly bound: string | undefined;
  /** Milliseconds since 1970; undefined where it carries no time. */
  readonly time: number | undefined;
  readonly hits: readonly Hit[];
  /** What --verbose says of it. */
  readonly description: string;
  /** The system's word for why there is no way to the target; then there is nothing to send. */
  readonly failure: string | undefined;
}

/** A method and a request of it. */
export interface Composer {
  /**
   * The next knock: one composition for each target that is knocked at, in their order. What must be remembered of a knock is when this
   * settles: nothing has been sent until then.
   * @param signal ends the making, where that takes its time
   * @throws KnockError, the signal's reason; none of it may be sent then
   */
  compose(targets: readonly Target[], warn: Warn, signal?: AbortSignal): Promise<readonly Composition[]>;
  /** Whether what is closed may refuse: then a refusal says nothing while another knock is to come. */
  readonly closedMayRefuse?: boolean;
  /** What to do where nothing opened. */
  readonly advice: string;
}
