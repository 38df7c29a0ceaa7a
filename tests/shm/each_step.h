/* SPDX-License-Identifier: MIT */
/*
 * each_step.h - kill -9 at any instruction: run something in a child, one
 * instruction at a time, and look in between at the memory that both share.
 */
#ifndef TESTS_EACH_STEP_H
#define TESTS_EACH_STEP_H

/*
 * each_step - run act(argument) in a child, and look(argument) here after each
 * of its instructions, and once before and behind all. Returns how many there
 * were; skips the test where tracing is not allowed.
 */
unsigned each_step(void (*act)(void *), void (*look)(void *), void *argument);

#endif
