import { randomChains } from './random-chains.js';

randomChains(1, 4);
