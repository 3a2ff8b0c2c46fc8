/**
 * Work that is done in a thread of its own, with a deadline and a bound on its memory, while this thread waits for it:
 * for what a file says itself how long it takes, and for libraries that nothing else is to load.
 */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';

interface Task {
  readonly input: unknown;
  /** Where the result goes. */
  readonly port: MessagePort;
  /** One number, which turns from 0 to 1 when it is there. */
  readonly done: Int32Array;
}

const mostMegabytes = 256;

/**
 * Runs a thread's program, which calls `answerApart`. This thread waits.
 * @param program as scripts/bundle.mjs makes it @param input what can be copied
 * @returns undefined where it failed, did not come to its end in time, or ran out of memory
 */
export function runApart<Result extends object>(
  program: URL,
  input: unknown,
  deadlineMs: number,
): Result | undefined {
  const { port1: ours, port2: port } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const task: Task = { input, port, done };
  const worker = new Worker(program, {
    workerData: task,
    transferList: [port],
    // Nothing that was meant for this program: no hooks, no secrets.
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: mostMegabytes },
  });
  worker.unref();
  // Of a thread that ran out of memory; it has not answered then.
  worker.on('error', () => {});
  Atomics.wait(done, 0, 0, deadlineMs);
  const received = receiveMessageOnPort(ours) as { readonly message: Result } | undefined;
  ours.close();
  void worker.terminate();
  return received?.message;
}

/** The thread's end of it, once. */
export async function answerApart<Input>(act: (input: Input) => object | Promise<object>): Promise<void> {
  const { input, port, done } = workerData as Task;
  try {
    port.postMessage(await act(input as Input));
  } finally {
    // Where it fails, nobody has to wait until the deadline.
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
  }
}
