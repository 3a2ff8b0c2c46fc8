/**
 * The process that measures, within a namespace: one request a line in, one answer a line out. It does one thing at a
 * time, and ends with its standard input. Its other end is bench/remote.ts.
 */
import { createInterface } from 'node:readline';
import { type ExchangeRequest, exchangeAll } from './challenging.js';
import { type ConnectRequest, connectAll } from './connecting.js';
import { type FillRequest, fill } from './filling.js';
import { type FloodRequest, flood } from './flooder.js';
import { type KnockRequest, knockAndWait } from './prober.js';
import { runSeries, type SeriesRequest } from './series.js';
import { type RunRequest, type StartRequest, timeRun, timeStart } from './stopwatch.js';

export type Request =
  | KnockRequest
  | SeriesRequest
  | ConnectRequest
  | ExchangeRequest
  | FillRequest
  | FloodRequest
  | RunRequest
  | StartRequest;

function perform(request: Request): object | Promise<object> {
  switch (request.do) {
    case 'knock':
      return knockAndWait(request);
    case 'series':
      return runSeries(request);
    case 'connect':
      return connectAll(request);
    case 'exchange':
      return exchangeAll(request);
    case 'fill':
      return fill(request);
    case 'flood':
      return flood(request);
    case 'run':
      return timeRun(request);
    case 'start':
      return timeStart(request);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer: object;
  try {
    answer = await perform(JSON.parse(line) as Request);
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
