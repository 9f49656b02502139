import { randomChains } from './random-chains.js';

randomChains(3, 4);
