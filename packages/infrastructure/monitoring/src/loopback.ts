// Tells a caller on this machine from one elsewhere.

/** Whether `address` (as a socket gives it) belongs to this machine's own loopback interface. */
export const isLoopback = (address: string | undefined): boolean =>
  /^(::ffff:)?127(\.\d{1,3}){3}$|^::1$/.test(address ?? '');
