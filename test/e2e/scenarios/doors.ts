/** Doors that several tables have. */

/** One that tells who opened it. */
export function door(sequence: string, rest = ''): string {
  return `
[door]
  sequence = ${sequence}
  command = echo open %IP% >> /mnt/ran
${rest}`;
}

/** One with a stop command after a second. */
export const stopping = `
[door]
  sequence = 7000
  start_command = echo start >> /mnt/ran
  cmd_timeout = 1
  stop_command = echo stop >> /mnt/ran
`;
