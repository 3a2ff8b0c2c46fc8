/** What a reader of packets is told, wherever the kernel hands them over. */
export interface PacketEvents {
  /** Packets have come. */
  begin(): void;
  /** One IP packet, between two offsets; valid during the call. */
  packet(bytes: Buffer, start: number, end: number): void;
  /** So many packets did not reach us. */
  lost(count: number): void;
  /** So many packets have been dealt with. */
  batch(count: number): void;
}
