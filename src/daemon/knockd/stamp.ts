/** Times as knockd writes them: local, `2026-11-21 11:40` in its log file, with seconds in what -D says. */

export function stampMinutes(time: Date): string {
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

export function stampSeconds(time: Date): string {
  return `${stampMinutes(time)}:${two(time.getSeconds())}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
