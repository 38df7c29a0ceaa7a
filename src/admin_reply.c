/* SPDX-License-Identifier: MIT */
/* admin_reply.c - see admin_reply.h. */
#include <stdlib.h>
#include <string.h>

#include "src/admin_page.h"
#include "src/admin_reply.h"

#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'"

static struct MHD_Response *dress(struct MHD_Response *response,
				  const char *type, const char *policy)
{
	const char *const headers[][2] = {
		{MHD_HTTP_HEADER_CONTENT_TYPE, type},
		{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
		{"X-Content-Type-Options", "nosniff"},
		{"Content-Security-Policy", policy},
		{"Referrer-Policy", "no-referrer"},
	};

	for (size_t i = 0; response && i < sizeof(headers) / sizeof(headers[0]);
	     i++) {
		if (MHD_add_response_header(response, headers[i][0],
					    headers[i][1]) == MHD_YES)
			continue;
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

struct MHD_Response *admin_reply_text(char *text, size_t length,
				      const char *type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		length, text, MHD_RESPMEM_MUST_FREE);

	if (!response)
		free(text);
	return dress(response, type, POLICY_NOTHING);
}

struct MHD_Response *admin_reply_json(const char *text)
{
	size_t length = strlen(text);
	char *copy = malloc(length + 2);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	memcpy(copy + length, "\n", 2);
	return admin_reply_text(copy, length + 1, ADMIN_REPLY_JSON);
}

struct MHD_Response *admin_reply_page(void)
{
	void *page;

	/* it is not written to, but the library cannot say so */
	memcpy(&page, &(const void *){admin_page}, sizeof(page));
	return dress(MHD_create_response_from_buffer(admin_page_bytes, page,
						     MHD_RESPMEM_PERSISTENT),
		     "text/html; charset=utf-8", admin_page_policy);
}

enum MHD_Result admin_reply_once(struct MHD_Connection *connection,
				 unsigned status, struct MHD_Response *response)
{
	enum MHD_Result ret;

	if (!response)
		return MHD_NO;
	ret = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return ret;
}
