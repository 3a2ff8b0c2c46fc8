/**
 * PKCS #12 files (RFC 7292) as the authority writes them: AES-256 and SHA-256, which OpenSSL 3 takes as its own. Key,
 * certificate and exactly one certificate of the authority, which sKnock's servers and clients want.
 */
import type { KeyObject } from 'node:crypto';
import * as asn1js from 'asn1js';
import {
  Attribute,
  AuthenticatedSafe,
  CertBag,
  Certificate,
  PFX,
  PKCS8ShroudedKeyBag,
  PrivateKeyInfo,
  SafeBag,
  SafeContents,
} from 'pkijs';
import { copyOf } from './extensions.js';

const keyBagId = '1.2.840.113549.1.12.10.1.2';
const certificateBagId = '1.2.840.113549.1.12.10.1.3';
const localKeyId = '1.2.840.113549.1.9.21';
const friendlyName = '1.2.840.113549.1.9.20';
/** Readers without a native PBKDF2 take a tenth of a second for so many rounds. */
const rounds = 10_000;

/** What goes into it; certificates in DER. */
export interface Contents {
  readonly name: string;
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
  readonly authority: Uint8Array;
}

/** @param password printable ASCII: programs differ over how other characters are written */
export async function writeContainer(contents: Contents, password: string): Promise<Uint8Array> {
  const secret = copyOf(Buffer.from(password, 'ascii'));
  const protection = {
    password: secret,
    contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 },
    hmacHashAlgorithm: 'SHA-256',
    iterationCount: rounds,
  };
  const keys = await keyBag(contents, protection);
  const safe = new AuthenticatedSafe({
    parsedValue: {
      safeContents: [
        { privacyMode: 0, value: new SafeContents({ safeBags: [keys] }) },
        { privacyMode: 1, value: new SafeContents({ safeBags: certificateBags(contents) }) },
      ],
    },
  });
  await safe.makeInternalValues({ safeContents: [{}, protection] });
  const file = new PFX({ parsedValue: { integrityMode: 0, authenticatedSafe: safe } });
  await file.makeInternalValues({
    password: secret,
    iterations: rounds,
    pbkdf2HashAlgorithm: 'SHA-256',
    hmacHashAlgorithm: 'SHA-256',
  });
  return new Uint8Array(file.toSchema().toBER(false));
}

type Protection = Parameters<PKCS8ShroudedKeyBag['makeInternalValues']>[0];

async function keyBag({ name, key }: Contents, protection: Protection): Promise<SafeBag> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const bagValue = new PKCS8ShroudedKeyBag({ parsedValue: PrivateKeyInfo.fromBER(copyOf(der)) });
  await bagValue.makeInternalValues(protection);
  return new SafeBag({ bagId: keyBagId, bagValue, bagAttributes: attributes(name) });
}

function certificateBags({ name, certificate, authority }: Contents): SafeBag[] {
  const bag = (der: Uint8Array) => new CertBag({ parsedValue: Certificate.fromBER(copyOf(der)) });
  return [
    new SafeBag({
      bagId: certificateBagId,
      bagValue: bag(certificate),
      bagAttributes: attributes(name),
    }),
    new SafeBag({ bagId: certificateBagId, bagValue: bag(authority) }),
  ];
}

/** By which programs see that key and certificate belong together, and how they call them. */
function attributes(name: string): Attribute[] {
  const id = new asn1js.OctetString({ valueHex: Uint8Array.of(1).buffer });
  return [
    new Attribute({ type: localKeyId, values: [id] }),
    new Attribute({ type: friendlyName, values: [new asn1js.BmpString({ value: name })] }),
  ];
}
