// Judges one SignedValue.dat with npm sm-crypto: `node sm_crypto.cjs SignedValue.dat Signature.xml`.
// Its DER reader is its own. Prints {digest, value, seal}: whether each of the three holds.
"use strict";
const fs = require("node:fs");
const { sm2, sm3 } = require("sm-crypto");

const SPKI = "3059301306072a8648ce3d020106082a811ccf5501822d034200";
const USER_ID = "1234567812345678";

function node(bytes, start) {
  let length = bytes[start + 1];
  let at = start + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + bytes[at + i];
    at += count;
  }
  return { raw: bytes.subarray(start, at + length), body: bytes.subarray(at, at + length) };
}

function children(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const next = node(bytes, at);
    found.push(next);
    at += next.raw.length;
  }
  return found;
}

function holds(message, certificate, bits) {
  const hex = certificate.toString("hex");
  const key = hex.slice(hex.indexOf(SPKI) + SPKI.length).slice(0, 130);
  const value = bits.subarray(1).toString("hex");
  const options = { der: true, hash: true, userId: USER_ID };
  return sm2.doVerifySignature([...message], value, key, options);
}

const [value, xml] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const [tbs, signer, , signature] = children(node(value, 0).body);
const parts = children(tbs.body);
const [info, maker, , sealSignature] = children(parts[1].body);
const judged = {
  digest: parts[3].body.subarray(1).toString("hex") === sm3([...xml]),
  value: holds(tbs.raw, signer.body, signature.body),
  seal: holds(info.raw, maker.body, sealSignature.body),
};
process.stdout.write(JSON.stringify(judged));
