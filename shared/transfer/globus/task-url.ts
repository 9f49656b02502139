/** Of the web app: what is named by errors, and by `bw-bkup tasks list`. */
const ACTIVITY = 'https://app.globus.org/activity';

/** Page of a task in the web app (pure); null for a service that is not Globus' own, such as a simulated one. */
export function taskUrl(transferUrl: string, taskId: string): string | null {
  return /(^|\.)globus\.org$/.test(new URL(transferUrl).hostname) ? `${ACTIVITY}/${taskId}` : null;
}
