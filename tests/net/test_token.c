/* SPDX-License-Identifier: MIT */
/* A token carries operation, number, slot and generation, unmixed. */
#include "support.h"

#include "net/token.h"

static void assert_round_trip(enum bc_op op, uint32_t slot, uint32_t generation)
{
	struct bc_token token =
		bc_token_unpack(bc_token_pack(op, slot, generation));

	assert_int_equal(token.op, op);
	assert_int_equal(token.number, 0);
	assert_int_equal(token.slot, slot);
	assert_int_equal(token.generation, generation);
}

static void what_is_packed_comes_out_again(void **state)
{
	static const uint32_t slots[] = {0, 1, 0xffff, BC_TOKEN_SLOTS - 2,
					 BC_TOKEN_SLOTS - 1};
	static const uint32_t generations[] = {0, 1, UINT32_MAX - 1,
					       UINT32_MAX};

	(void)state;
	for (enum bc_op op = BC_OP_ACCEPT; op <= BC_OP_SEND_ZC; op++)
		for (unsigned i = 0; i < 5; i++)
			for (unsigned j = 0; j < 4; j++)
				assert_round_trip(op, slots[i], generations[j]);
}

static void numbers_of_one_slot_are_told_apart(void **state)
{
	uint64_t packed =
		bc_token_pack(BC_OP_SEND_ZC, BC_TOKEN_SLOTS - 1, UINT32_MAX);

	(void)state;
	for (uint32_t number = 0; number < BC_TOKEN_NUMBERS; number++) {
		struct bc_token token =
			bc_token_unpack(bc_token_number(packed, number));

		assert_int_equal(token.op, BC_OP_SEND_ZC);
		assert_int_equal(token.number, number);
		assert_int_equal(token.slot, BC_TOKEN_SLOTS - 1);
		assert_int_equal(token.generation, UINT32_MAX);
	}
}

static void what_is_too_large_does_not_reach_its_neighbour(void **state)
{
	uint64_t packed = bc_token_pack(BC_OP_SEND, BC_TOKEN_SLOTS, 7);
	struct bc_token token =
		bc_token_unpack(bc_token_number(packed, BC_TOKEN_NUMBERS));

	(void)state;
	assert_int_equal(token.op, BC_OP_SEND);
	assert_int_equal(token.number, 0);
	assert_int_equal(token.slot, 0);
	assert_int_equal(token.generation, 7);
}

static void no_request_has_token_zero(void **state)
{
	(void)state;
	for (enum bc_op op = BC_OP_ACCEPT; op <= BC_OP_SEND_ZC; op++)
		assert_true(bc_token_pack(op, 0, 0) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_out_again),
		cmocka_unit_test(numbers_of_one_slot_are_told_apart),
		cmocka_unit_test(
			what_is_too_large_does_not_reach_its_neighbour),
		cmocka_unit_test(no_request_has_token_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
