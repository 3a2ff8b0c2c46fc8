/** What a reader of packets is told, wherever the kernel hands them over. */
export interface PacketEvents {
  /** Packets have come. */
  begin(): void;
  /**
   * One IP packet, between two offsets; valid during the call.
   * @param prefix what the rule that logged it says with it, empty where it says nothing
   * @param device index of the interface that it came in by, 0 where that is not told
   */
  packet(bytes: Buffer, start: number, end: number, prefix: string, device: number): void;
  /** So many packets did not reach us. */
  lost(count: number): void;
  /** So many packets have been dealt with. */
  batch(count: number): void;
}
