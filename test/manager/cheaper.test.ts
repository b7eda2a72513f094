// When workers come and go, look by look.
import { describe, expect, test } from 'vitest'
import { defaultOptions, type Options } from '../../src/config/options.js'
import {
  type CheaperOptions,
  initialWorkers,
  type Look,
  makeCheaper,
} from '../../src/manager/cheaper.js'

function options(given: Partial<Options>): CheaperOptions {
  return { ...defaultOptions(), processes: 8, cheaper: 2, ...given }
}

/** What it says to each of the looks. */
function decisions(given: Partial<Options>, looks: readonly Look[]): number[] {
  const cheaper = makeCheaper(options(given))
  return looks.map((look) => cheaper?.decide(look) ?? Number.NaN)
}

const look = (loads: number[], backlog = 0): Look => ({ loads, backlog })
const times = (count: number, one: Look) => Array.from({ length: count }, () => one)

test('there is nothing to decide without cheaper, or when it asks for all of them', () => {
  expect(makeCheaper(options({ cheaper: 0 }))).toBeNull()
  expect(makeCheaper(options({ cheaper: 8 }))).toBeNull()
})

test('a start begins with cheaper-initial, within its bounds', () => {
  expect(initialWorkers(options({ cheaper: 0 }))).toBe(8)
  expect(initialWorkers(options({}))).toBe(2)
  expect(initialWorkers(options({ cheaperInitial: 5 }))).toBe(5)
  expect(initialWorkers(options({ cheaperInitial: 50 }))).toBe(8)
})

describe('spare', () => {
  test('starts some when no worker has been free for so many looks', () => {
    expect(decisions({ cheaperStep: 2 }, times(6, look([0.9, 1])))).toEqual([0, 0, 2, 0, 0, 2])
  })

  test('starts none when one was free in between', () => {
    const looks = [look([1, 1]), look([1, 1]), look([1, 0.1]), look([1, 1]), look([1, 1])]
    expect(decisions({}, looks)).toEqual([0, 0, 0, 0, 0])
  })

  test('lets one go while two are free, and keeps one free', () => {
    expect(decisions({}, times(4, look([0, 0, 1])))).toEqual([0, 0, -1, 0])
    expect(decisions({}, times(9, look([0, 1, 1])))).toEqual(Array(9).fill(0))
  })
})

describe('backlog', () => {
  test('follows the listen queue', () => {
    const given = { cheaperAlgo: 'backlog' as const, cheaperOverload: 2, cheaperStep: 3 }
    const looks = [look([1], 2), look([1], 3), look([0, 0], 1), ...times(2, look([0, 0]))]
    expect(decisions(given, looks)).toEqual([0, 3, 0, 0, -1])
  })
})

describe('busyness', () => {
  const given = {
    cheaperAlgo: 'busyness' as const,
    cheaperOverload: 2,
    cheaperBusynessMultiplier: 2,
    cheaperBusynessPenalty: 1,
    cheaperStep: 4,
  }

  test('starts some above the upper mark, at the end of a cycle', () => {
    expect(decisions(given, times(4, look([0.6, 0.6])))).toEqual([0, 4, 0, 4])
  })

  test('does nothing between the marks', () => {
    expect(decisions(given, times(8, look([0.6, 0.1])))).toEqual(Array(8).fill(0))
  })

  test('lets one go after so many cycles below the lower mark', () => {
    expect(decisions(given, times(8, look([0.1, 0.2])))).toEqual([0, 0, 0, -1, 0, 0, 0, -1])
  })

  test('waits for longer after one that went too early', () => {
    const looks = [...times(4, look([0])), ...times(2, look([1])), ...times(6, look([0]))]
    expect(decisions(given, looks)).toEqual([0, 0, 0, -1, 0, 4, 0, 0, 0, 0, 0, -1])
  })

  test('does not wait for the end of a cycle when connections queue up', () => {
    const alert = { ...given, cheaperBusynessBacklogStep: 7 }
    expect(decisions(alert, [look([0], 34), look([0], 33)])).toEqual([7, 0])
  })
})
