/** What one who takes another daemon's place does otherwise. */
export interface Manners {
  /** The exit status after a signal; 0 by default. */
  readonly signalStatus?: { readonly SIGINT: number; readonly SIGTERM: number };
  /** Called once everything is heard. @throws OperatorError */
  readonly ready?: () => void;
  /** Whether nothing of it may hold on to the terminal. */
  readonly isDaemon?: boolean;
}
