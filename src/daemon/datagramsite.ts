/** Stands for datagrams in the listener until it is merged. */
export const datagramPrefix = 'datagram';
