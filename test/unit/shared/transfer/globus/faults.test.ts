import { describe, expect, it } from 'vitest';
import { answerFault, EVENTS, eventFault, FAULTS } from '../../../../../shared/transfer/globus/faults.js';

/** All codes of events that Globus has told of (2020), and FAILED: what we make of each. */
const GOLDEN = `
ACL_CHANGED                TRANSFER_DENIED           operator  stuck
AMBIGUOUS_PATH             GLOBUS_PATH_WRONG         operator  stuck
AUTH                       GLOBUS_AUTH_FAILED        operator  stuck
CANCELED                   -
CLOCK                      GLOBUS_AUTH_FAILED        operator  stuck
CONNECT_FAILED             TRANSFER_IO               retry     wait
CONNECTION_BROKEN          TRANSFER_IO               retry     wait
CONNECTION_RESET           TRANSFER_IO               retry     wait
ENDPOINT_ERROR             TRANSFER_IO               retry     wait
ENDPOINT_TOO_BUSY          TRANSFER_IO               retry     wait
EXPIRED                    TRANSFER_IO               retry     wait
EXTERNAL_CHECKSUM_MISMATCH TRANSFER_VERIFY_MISMATCH  retry     stuck
FAILED                     -
FILE_NOT_FOUND             GLOBUS_PATH_WRONG         operator  stuck
FILE_SIZE_CHANGED          TRANSFER_SOURCE_CORRUPT   permanent stuck
GC_NOT_CONNECTED           TRANSFER_IO               retry     wait
GC_PAUSED                  GLOBUS_PAUSED             operator  wait
GSI_DN_MISMATCH            GLOBUS_AUTH_FAILED        operator  stuck
INTERNAL_ERROR             TRANSFER_IO               retry     wait
INVALID_PATH_NAME          GLOBUS_PATH_WRONG         operator  stuck
INVALID_SERVICE_CREDENTIAL GLOBUS_AUTH_FAILED        operator  stuck
INVALID_SYMLINK            GLOBUS_PATH_WRONG         operator  stuck
IS_A_DIRECTORY             GLOBUS_PATH_WRONG         operator  stuck
IS_A_FILE                  GLOBUS_PATH_WRONG         operator  stuck
LIMIT_EXCEEDED             TRANSFER_DENIED           operator  stuck
MPU_NOT_FOUND              TRANSFER_IO               retry     stuck
NOT_A_DIRECTORY            GLOBUS_PATH_WRONG         operator  stuck
NOT_A_FILE                 GLOBUS_PATH_WRONG         operator  stuck
NOT_A_SYMLINK              GLOBUS_PATH_WRONG         operator  stuck
NO_APPEND_FILESYSTEM       TRANSFER_IO               retry     stuck
NO_CREDENTIALS             GLOBUS_AUTH_FAILED        operator  stuck
NO_PHYSICALS               TRANSFER_IO               retry     wait
NO_SPACE_LEFT              TRANSFER_NO_SPACE         operator  stuck
PAUSED                     GLOBUS_PAUSED             operator  wait
PERMISSION_DENIED          TRANSFER_DENIED           operator  stuck
PROGRESS                   -
QUOTA_EXCEEDED             TRANSFER_NO_SPACE         operator  stuck
STARTED                    -
SUCCEEDED                  -
TIMEOUT                    TRANSFER_IO               retry     wait
UNKNOWN                    TRANSFER_IO               retry     wait
UNPAUSED                   -
VERIFY_CHECKSUM            TRANSFER_VERIFY_MISMATCH  retry     stuck
`.trim().split('\n').map((line) => line.trim().split(/\s+/));

describe('what events mean', () => {
  it.each(GOLDEN)('%s: %s', (event = '', code = '', retry = '', follows = '') => {
    const found = eventFault(event);
    if (code === '-') expect(found).toBeNull();
    else expect(found === null ? null : [FAULTS[found.fault].code, FAULTS[found.fault].retry, found.follows]).toEqual([code, retry, follows]);
  });

  it('has no other', () => {
    expect(Object.keys(EVENTS).sort()).toEqual(GOLDEN.map(([event]) => event).sort());
  });

  it('waits for what nobody knows yet, also if it is called like a property of objects', () => {
    expect([eventFault('NEW_IN_2030'), eventFault('constructor')]).toEqual([{ fault: 'io', follows: 'wait' }, { fault: 'io', follows: 'wait' }]);
  });
});

describe('what answers mean', () => {
  it.each([
    [400, 'ClientError.BadRequest', 'GLOBUS_REFUSED'],
    [400, 'ClientError.BadRequest.NoTransferItems', 'GLOBUS_REFUSED'],
    [401, 'ClientError.AuthenticationFailed', 'GLOBUS_AUTH_FAILED'],
    [403, 'PermissionDenied', 'TRANSFER_DENIED'],
    [403, 'EndpointPermissionDenied', 'TRANSFER_DENIED'],
    [404, 'EndpointNotFound', 'LTS_MISSING'],
    [404, 'ClientError.NotFound', 'GLOBUS_PATH_WRONG'],
    [409, 'Conflict', 'GLOBUS_BUSY'],
    [409, 'GCDisconnectedException', 'TRANSFER_IO'],
    [409, 'NoCredException', 'GLOBUS_AUTH_FAILED'],
    [409, 'OperationPaused', 'GLOBUS_PAUSED'],
    [429, 'TooManyRequests', 'GLOBUS_BUSY'],
    [500, 'InternalError', 'TRANSFER_IO'],
    [502, 'ExternalError.DirListingFailed.LoginFailed', 'GLOBUS_AUTH_FAILED'],
    [502, 'ExternalError.DirListingFailed.GCDisconnected', 'TRANSFER_IO'],
    [502, 'ExternalError.DirListingFailed.PermissionDenied', 'TRANSFER_DENIED'],
    [502, 'ExternalError.MkdirFailed.Exists', 'TRANSFER_OBJECT_EXISTS'],
    [503, 'ServiceUnavailable', 'TRANSFER_IO'],
    [504, 'NoCode', 'TRANSFER_IO'],
  ])('%d %s: %s', (status, code, expected) => {
    expect(FAULTS[answerFault(status, code)].code).toBe(expected);
  });
});
