/* SPDX-License-Identifier: MIT */
/* owed.c - see owed.h. */
#include "net/owed.h"
#include "shm/assert.h"

static uint32_t number_at(const struct bc_owed *owed, uint32_t index)
{
	return (owed->oldest + index) % BC_OWED_MAX;
}

static uint16_t bit(uint32_t number)
{
	return (uint16_t)(1u << number);
}

static bool is_owed(const struct bc_owed *owed, uint32_t number)
{
	return number < BC_OWED_MAX &&
	       (number - owed->oldest) % BC_OWED_MAX < owed->count &&
	       (owed->settled & bit(number)) == 0;
}

uint32_t bc_owed_newest(const struct bc_owed *owed)
{
	uint32_t number = number_at(owed, owed->count - 1u);

	BC_ASSERT(owed->count > 0);
	BC_ASSERT(is_owed(owed, number));
	return number;
}

uint32_t bc_owed_add(struct bc_owed *owed, uint64_t begin)
{
	uint32_t number = number_at(owed, owed->count);

	BC_ASSERT(!bc_owed_is_full(owed));
	BC_ASSERT(owed->count == 0 ||
		  owed->begins[number_at(owed, owed->count - 1u)] <= begin);
	owed->begins[number] = begin;
	owed->settled &= (uint16_t)~bit(number);
	owed->empty &= (uint16_t)~bit(number);
	owed->count++;
	return number;
}

void bc_owed_take_back(struct bc_owed *owed)
{
	(void)bc_owed_newest(owed);
	owed->count--;
}

void bc_owed_note_empty(struct bc_owed *owed, uint32_t number)
{
	BC_ASSERT(is_owed(owed, number));
	owed->empty |= bit(number);
}

bool bc_owed_settle(struct bc_owed *owed, uint32_t number)
{
	BC_ASSERT(is_owed(owed, number));
	owed->settled |= bit(number);
	while (owed->count > 0 && (owed->settled & bit(owed->oldest)) != 0) {
		owed->oldest = (uint8_t)number_at(owed, 1);
		owed->count--;
	}
	return (owed->empty & bit(number)) == 0;
}
