declare module 'aes-js' {
  /** AES on single blocks, written in JavaScript alone. */
  export class AES {
    constructor(key: Uint8Array);
    encrypt(block: Uint8Array): Uint8Array;
    decrypt(block: Uint8Array): Uint8Array;
  }
  /** AES in the mode CBC, on whole blocks. */
  class Cbc {
    constructor(key: Uint8Array, iv: Uint8Array);
    encrypt(blocks: Uint8Array): Uint8Array;
  }
  const module: {
    AES: typeof AES;
    ModeOfOperation: { cbc: typeof Cbc };
    padding: { pkcs7: { pad(message: Uint8Array): Uint8Array } };
  };
  export default module;
}
