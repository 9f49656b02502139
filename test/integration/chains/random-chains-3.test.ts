import { randomChains } from './random-chains.js';

randomChains(2, 4);
