declare module 'aes-js' {
  /** AES on single blocks, written in JavaScript alone. */
  export class AES {
    constructor(key: Uint8Array);
    encrypt(block: Uint8Array): Uint8Array;
    decrypt(block: Uint8Array): Uint8Array;
  }
  const module: { AES: typeof AES };
  export default module;
}
