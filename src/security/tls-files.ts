import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsFiles } from "../config/cluster-config.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/** The content of the files that `cluster.tls` or `cache.tls` names, found usable. */
export interface TlsMaterial {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** Undefined when no `ca_file` is named. */
  readonly authorities: Buffer | undefined;
}

/**
 * Reads and checks the files of a server: certificate and key must fit, and the certificate must be valid now.
 * @param section `cluster.tls` or `cache.tls`, for the error's text
 * @param now Unix milliseconds
 * @throws FlameError invalid_config naming the key of the configuration, the file and what is wrong with it.
 */
export function readTlsFiles(files: TlsFiles, section: string, now: number): TlsMaterial {
  const at = (key: string, file: string) => ({ key: `${section}.${key}`, file });
  const forCertificate = at("cert_file", files.certFile);
  const forKey = at("key_file", files.keyFile);
  const certificate = read(forCertificate);
  const key = read(forKey);
  const parsed = parse(forCertificate, "a certificate", () => new X509Certificate(certificate));
  const privateKey = parse(forKey, "a private key without a passphrase", () =>
    createPrivateKey(key),
  );
  checkPair(parsed, privateKey, forKey, files.certFile);
  checkTime(parsed, forCertificate, now);
  const forAuthorities = files.caFile === undefined ? undefined : at("ca_file", files.caFile);
  const authorities = forAuthorities && read(forAuthorities);
  if (forAuthorities !== undefined && authorities !== undefined)
    parse(forAuthorities, "a certificate", () => new X509Certificate(authorities));
  return { certificate, key, authorities };
}

interface Place {
  readonly key: string;
  readonly file: string;
}

function read(place: Place): Buffer {
  try {
    return readFileSync(place.file);
  } catch (cause) {
    throw unusable(
      place,
      `cannot be read: ${textOf(cause)}`,
      "name a file that can be read",
      cause,
    );
  }
}

function parse<T>(place: Place, expected: string, from: () => T): T {
  try {
    return from();
  } catch (cause) {
    throw unusable(place, "is not what it should be", `expected ${expected} in PEM`, cause);
  }
}

function checkPair(
  certificate: X509Certificate,
  key: KeyObject,
  place: Place,
  certFile: string,
): void {
  if (certificate.checkPrivateKey(key)) return;
  throw unusable(
    place,
    `is not the key of the certificate ${certFile}`,
    "name the key that the certificate was made with; the server's own certificate comes first in cert_file",
  );
}

function checkTime(certificate: X509Certificate, place: Place, now: number): void {
  const { validFrom, validTo } = certificate;
  if (now >= Date.parse(validFrom) && now <= Date.parse(validTo)) return;
  throw unusable(
    place,
    `is valid from ${validFrom} to ${validTo} only`,
    "renew it, or check this machine's clock",
  );
}

function unusable(place: Place, what: string, advice: string, cause?: unknown): FlameError {
  return new FlameError(
    "invalid_config",
    `${place.key}: the file ${place.file} ${what}; ${advice}`,
    { cause },
  );
}
