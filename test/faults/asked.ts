/** What is asked of the CA, in the order of a first start, with its name for a person. */
export const asked = {
  'GET /dir': 'the directory',
  'HEAD /nonce-plz': 'a nonce',
  'POST /sign-me-up': 'the new account',
  'POST /order-plz': 'the new order',
  'POST /authZ/': 'the authorization',
  'POST /chalZ/': 'the challenge',
  'POST /finalize-order/': 'the finalization',
  'POST /my-order/': 'the state of the order',
  'POST /certZ/': 'the certificate',
} as const;

export type Kind = keyof typeof asked;

export const kinds = Object.keys(asked) as Kind[]; // It has no other keys.
