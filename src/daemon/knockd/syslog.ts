/** syslog(3), as the C library does it: whatever stands in for /dev/log on this machine hears it. */
import koffi from 'koffi';

export type Syslog = (text: string) => void;

const daemon = 3 << 3;
const notice = 5;

/** The system's log under a name, facility daemon, priority notice. */
export function openSyslog(ident: string): Syslog {
  const library = koffi.load(null);
  const keep = library.func('void *strdup(const char *)');
  const open = library.func('void openlog(void *, int, int)');
  const write = library.func('void syslog(int, const char *, const char *)');
  // The C library keeps the pointer, so the name must stay where it is.
  open(keep(ident), 0, daemon);
  return text => write(notice, '%s', text);
}
