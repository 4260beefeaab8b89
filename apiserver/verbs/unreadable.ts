/** What is answered about values in the store that no key opens, in upstream's words. */
import { ApiError } from '#lib/meta/errors.ts';

/** To who asks for the object itself. */
export function unreadableObject(fault: Error): ApiError {
  return internal(fault.message, fault);
}

/** To who asks for a list that it would be in. */
export function unreadableItem(key: string, fault: Error): ApiError {
  return internal(`unable to transform key ${JSON.stringify(key)}: ${fault.message}`, fault);
}

function internal(because: string, cause: Error): ApiError {
  return new ApiError(
    'InternalError',
    `Internal error occurred: ${because}`,
    { causes: [{ message: because }] },
    { cause },
  );
}
