#!/usr/bin/env node
/** portknock: reads the command line and hands over to whoever does it. What a plain knock does not need is not loaded. */
import { errorCode, report } from '../system/error.js';
import { chooseDoor } from './door.js';
import { KnockError } from './failure.js';
import { type ClientOptions, type Invocation, readInvocation } from './invocation.js';
import { challengeJob, directJob, type Job, profileJob } from './job.js';
import { loadProfile } from './profiles.js';
import { dryRun, failed, runKnock } from './run.js';

async function main(argv: readonly string[]): Promise<number> {
  try {
    return await run(readInvocation(argv));
  } catch (error) {
    return error instanceof KnockError ? failed(error) : report('portknock', error);
  }
}

async function run(invocation: Invocation): Promise<number> {
  switch (invocation.form) {
    case 'nothing':
    case 'help':
    case 'version':
      return tellUsage(invocation.form);
    case 'import':
      return (await import('./import.js')).importProfile(invocation);
    case 'profiles':
      return (await import('./import.js')).listProfiles(invocation.options);
    case 'proxy':
      return (await import('./proxy.js')).runProxy(invocation);
    case 'ca':
      return (await import('./authority.js')).runAuthority(invocation);
    case 'socket-service':
      return (await import('./socketservice.js')).runSocketService(invocation.options);
    case 'connect':
      return (await import('./numberproxy.js')).runConnect(invocation);
    default:
      return runJob(await jobOf(invocation), invocation.options);
  }
}

async function tellUsage(form: 'nothing' | 'help' | 'version'): Promise<number> {
  const { help, shortUsage, version } = await import('./usage.js');
  if (form === 'nothing') process.stderr.write(shortUsage);
  else process.stdout.write(form === 'help' ? help : `portknock ${version()}\n`);
  return form === 'nothing' ? 2 : 0;
}

type Knocking = Extract<Invocation, { form: 'direct' | 'profile' | 'sequence' | 'datagram' | 'challenge' }>;

async function jobOf(invocation: Knocking): Promise<Job> {
  if (invocation.form === 'direct') return directJob(invocation);
  if (invocation.form === 'sequence') return (await import('./operands.js')).sequenceJob(invocation);
  if (invocation.form === 'datagram') return (await import('./datagramjob.js')).datagramJob(invocation);
  if (invocation.form === 'challenge') return challengeJob(invocation);
  const profile = loadProfile(invocation.name);
  return profileJob(profile, chooseDoor(profile, invocation.door), invocation.options);
}

function runJob(job: Job, options: ClientOptions): Promise<number> {
  return options.dryRun ? dryRun(job, options) : runKnock(job, options);
}

process.stdout.on('error', error => {
  // The reader of our output may go away, as head does.
  process.exit(errorCode(error) === 'EPIPE' ? 0 : report('portknock', error));
});

// Not waited for at the top, so that it can be bundled for `require`. What never comes to its end has failed.
process.exitCode = 1;
void main(process.argv.slice(2)).then(status => {
  process.exitCode = status;
});
