/** The requests to the CA in the order of a first start, with a description of each. */
export const requestNames = {
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

export type Kind = keyof typeof requestNames;

export const kinds = Object.keys(requestNames) as Kind[]; // It has no other keys.
