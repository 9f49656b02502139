import { decodeTime, isValid, ulid } from 'ulid';

/** What `bw-bkup doctor` writes, removes again, and nobody needs. No basepath has this id: ids hold a dash. */
export const DOCTOR_PREFIX = 'doctor/';

/** The doctor of a slow LTS may still be at it: a task of Globus may wait for hours. */
const LEFT_AFTER_MS = 86_400_000;

/** A new name, with its time in it: storages do not tell when an object was made. */
export function newDoctorObject(nowMs: number): string {
  return `${DOCTOR_PREFIX}${ulid(nowMs)}`;
}

/** Whether a doctor that was killed has left it (pure). */
export function isDoctorLeftover(object: string, nowMs: number): boolean {
  const name = object.startsWith(DOCTOR_PREFIX) ? object.slice(DOCTOR_PREFIX.length) : '';
  return isValid(name) && decodeTime(name) < nowMs - LEFT_AFTER_MS;
}
