/** The lines of knockd's log that the tables expect where the two differ: those of a door of three ports, called door. */

export interface Source {
  readonly client: string;
}

export function log(...lines: readonly string[]): string[] {
  return ['starting up, listening on eth0', ...lines, 'shutting down'];
}

export function stage({ client }: Source, number: number, name = 'door'): string {
  return `${client}: ${name}: Stage ${number}`;
}

export function opens({ client }: Source, name = 'door'): string {
  return `${client}: ${name}: OPEN SESAME`;
}

export function late({ client }: Source, number: number): string {
  return `${client}: door: sequence timeout (stage ${number})⏎`;
}

export function command({ client }: Source): string {
  return `door: running command: echo open ${client} >> /mnt/ran⏎`;
}
