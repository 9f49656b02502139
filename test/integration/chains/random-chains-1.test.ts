import { randomChains } from './random-chains.js';

randomChains(0, 4);
