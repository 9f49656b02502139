/** Words of a program without the password of an address (pure): what follows `//user:`, up to the host. */
export function withoutSecrets(text: string): string {
  return text.replace(/(\/\/[^\s/:@]*):[^\s/@]+@/g, '$1:***@');
}
