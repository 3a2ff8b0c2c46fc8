/** Which door of a profile is meant. */
import { closestMatch } from 'leven';
import { OperatorError } from '../system/error.js';
import type { Profile, ProfileDoor } from '../system/profile.js';

/** A door with its name. */
export interface NamedDoor extends ProfileDoor {
  readonly name: string;
}

/** The door of this name; without a name, the only one. @throws OperatorError */
export function chooseDoor(profile: Profile, name: string | undefined): NamedDoor {
  if (name !== undefined) {
    const door = profile.doors.get(name);
    if (door === undefined) throw unknownDoor(profile, name);
    return { name, ...door };
  }
  const [only] = profile.doors;
  if (only !== undefined && profile.doors.size === 1) return { name: only[0], ...only[1] };
  throw new OperatorError('usage', `the profile "${profile.name}" has several doors: ${listed(profile)}`, {
    hint: `say which, such as: portknock ${profile.name} ${only?.[0]}`,
  });
}

/** The door of this name; without a name, the one that opens this TCP port, else the only one. @throws OperatorError */
export function chooseDoorTo(profile: Profile, name: string | undefined, port: number): NamedDoor {
  const opening = [...profile.doors].filter(([, { services }]) => services.includes(`tcp/${port}`));
  const [only] = opening;
  if (name !== undefined || profile.doors.size === 1) return chooseDoor(profile, name);
  if (only !== undefined && opening.length === 1) return { name: only[0], ...only[1] };
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
