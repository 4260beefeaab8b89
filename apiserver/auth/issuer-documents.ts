/** OpenID discovery of the issuer of service account tokens: with it, others can verify our tokens. */
import type { Document } from '../rest/send-document.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** Path -> document. */
export function issuerDocuments(
  { issuer, algorithm, keySet }: ServiceAccountTokens,
  advertise: { host: string; port: number },
): ReadonlyMap<string, Document> {
  const configuration = {
    issuer,
    jwks_uri: `https://${advertise.host}:${advertise.port}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
  };
  const document = (contentType: string, value: object): Document => ({
    contentType,
    body: Buffer.from(JSON.stringify(value)),
  });
  return new Map([
    ['/.well-known/openid-configuration', document('application/json', configuration)],
    ['/openid/v1/jwks', document('application/jwk-set+json', keySet)],
  ]);
}
