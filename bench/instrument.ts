/**
 * The process that measures, within a namespace: one request a line in, one answer a line out. It does one thing at a
 * time, and ends with its standard input. Its other end is bench/remote.ts.
 */
import { createInterface } from 'node:readline';
import { type FloodRequest, flood } from './flooder.js';
import { type KnockRequest, knockAndConnect } from './prober.js';
import { runSeries, type SeriesRequest } from './series.js';
import { type RunRequest, type StartRequest, timeRun, timeStart } from './stopwatch.js';

export type Request = KnockRequest | SeriesRequest | FloodRequest | RunRequest | StartRequest;

/** Ends a flood that is under way; the flood's own request is answered then. */
export interface StopRequest {
  readonly do: 'stop';
}

let flooding = new AbortController();

function perform(request: Request): object | Promise<object> {
  switch (request.do) {
    case 'knock':
      return knockAndConnect(request);
    case 'series':
      return runSeries(request);
    case 'flood':
      flooding = new AbortController();
      return flood(request, flooding.signal);
    case 'run':
      return timeRun(request);
    case 'start':
      return timeStart(request);
  }
}

async function answer(request: Request): Promise<object> {
  try {
    return await perform(request);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

createInterface({ input: process.stdin }).on('line', line => {
  const request = JSON.parse(line) as Request | StopRequest;
  if (request.do === 'stop') flooding.abort();
  else void answer(request).then(found => process.stdout.write(`${JSON.stringify(found)}\n`));
});
