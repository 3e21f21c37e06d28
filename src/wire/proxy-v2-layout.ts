/** What version 2's header is made of: section 2.2 of the specification. */

export const SIGNATURE: Uint8Array = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);

/** Signature, version and command, family and transport, length (2). */
export const FIXED_BYTES = 16;
export const VERSION_AT = 12;
export const FAMILY_AT = 13;
export const LENGTH_AT = 14;

export const VERSION = 2;
export const LOCAL = 0;
export const PROXY = 1;

/** Family (high four bits) and transport (low): unspecified, or a stream over one of the three. */
export const UNSPEC = 0x00;
export const TCP_V4 = 0x11;
export const TCP_V6 = 0x21;
export const UNIX_STREAM = 0x31;

/** Two addresses, two ports; two paths. */
export const V4_BYTES = 12;
export const V6_BYTES = 36;
export const UNIX_BYTES = 216;

/** Type, length (2). */
export const TLV_HEADER_BYTES = 3;

export const TYPE_ALPN = 0x01;
export const TYPE_AUTHORITY = 0x02;
export const TYPE_CRC32C = 0x03;
export const TYPE_UNIQUE_ID = 0x05;
export const TYPE_SSL = 0x20;
export const SUBTYPE_SSL_VERSION = 0x21;
export const SUBTYPE_SSL_CN = 0x22;
export const SUBTYPE_SSL_CIPHER = 0x23;

export const CLIENT_SSL = 0x01;
export const CLIENT_CERT_CONN = 0x02;
export const CLIENT_CERT_SESS = 0x04;

export const CRC32C_BYTES = 4;
export const MAX_UNIQUE_ID_BYTES = 128;
