const HIDDEN = '***';
/** A JSON field whose name ends like a secret's; `tokenFile` and the like name files, not secrets. */
const SECRET_FIELD = /"([\w.-]*(?:password|passphrase|passwd|secret|token|authorization|cookie))":"(?:[^"\\]|\\.)*"/gi;
/** The password of a URL, to the last @ before the next space or quote: unescaped ones may hold an @. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/"\\]*):[^\s"\\]*@/gi;

/** A finished JSON line without secrets, whatever binding, field, message or stack they came in. */
export function maskSecretText(line: string): string {
  return line.replace(SECRET_FIELD, `"$1":"${HIDDEN}"`).replace(URL_PASSWORD, `$1:${HIDDEN}@`);
}
