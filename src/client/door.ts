/** Which door of a profile is meant. */
import { closestMatch } from 'leven';
import { OperatorError } from '../system/error.js';
import type { Profile } from '../system/profile.js';

/** The name of a door: this one; without a name, that of the only one. @throws OperatorError */
export function chooseDoor(profile: Profile, name: string | undefined): string {
  if (name !== undefined) {
    if (!profile.doors.has(name)) throw unknownDoor(profile, name);
    return name;
  }
  const [only] = profile.doors.keys();
  if (only !== undefined && profile.doors.size === 1) return only;
  throw new OperatorError('usage', `the profile "${profile.name}" has several doors: ${listed(profile)}`, {
    hint: `say which, such as: portknock ${profile.name} ${only}`,
  });
}

/** The name of a door: this one; without a name, the one that opens this TCP port, else the only one. @throws OperatorError */
export function chooseDoorTo(profile: Profile, name: string | undefined, port: number): string {
  const opening = [...profile.doors.keys()].filter(door =>
    profile.doors.get(door)!.services.includes(`tcp/${port}`),
  );
  const [only] = opening;
  if (name !== undefined || profile.doors.size === 1) return chooseDoor(profile, name);
  if (only !== undefined && opening.length === 1) return only;
  const found = opening.length === 0 ? 'no door' : 'more than one door';
  throw new OperatorError('no-door', `the profile "${profile.name}" has ${found} to port ${port}`, {
    hint: `say which with --door; there are: ${listed(profile)}`,
  });
}

function listed({ doors }: Profile): string {
  return [...doors.keys()].join(', ');
}

function unknownDoor(profile: Profile, name: string): OperatorError {
  const near = closestMatch(name, [...profile.doors.keys()], { maxDistance: 2 });
  const mended = near === undefined ? '' : `did you mean "${near}"? `;
  return new OperatorError('no-door', `the profile "${profile.name}" has no door "${name}"`, {
    hint: `${mended}there are: ${listed(profile)}`,
  });
}
