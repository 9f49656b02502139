export { BOARD_PATH, mountBoard, type Board, type BoardOptions } from './board.js';
export { loadOrCreateToken, type BoardToken } from './board-token.js';
