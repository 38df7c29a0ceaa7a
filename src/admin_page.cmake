# SPDX-License-Identifier: MIT
#
# admin_page.cmake - admin_page.html as C, with a Content-Security-Policy that
# allows the one style and the one script in it, by hash, and asking the server
# that it came from, and nothing else.
#
#	cmake -D PAGE=... -D OUTPUT=... -P admin_page.cmake

# sha256_of(tag result): of what stands between <tag> and </tag>, in base64.
function(sha256_of tag result)
	set(digits ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
	string(FIND "${page}" "<${tag}>" begin)
	string(FIND "${page}" "</${tag}>" end)
	string(LENGTH "<${tag}>" length)
	math(EXPR begin "${begin} + ${length}")
	math(EXPR length "${end} - ${begin}")
	string(SUBSTRING "${page}" ${begin} ${length} text)
	string(SHA256 hash "${text}")
	# three digits of 16 are two of 64; the last two are of padding
	set(hash "${hash}00")
	set(base64 "")
	foreach(at RANGE 0 63 3)
		string(SUBSTRING "${hash}" ${at} 3 three)
		math(EXPR high "0x${three} >> 6")
		math(EXPR low "0x${three} & 63")
		foreach(digit IN ITEMS ${high} ${low})
			string(SUBSTRING ${digits} ${digit} 1 digit)
			string(APPEND base64 ${digit})
		endforeach()
	endforeach()
	string(SUBSTRING ${base64} 0 43 base64)
	set(${result} "'sha256-${base64}='" PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
sha256_of(style style)
sha256_of(script script)
file(READ ${PAGE} bytes HEX)
string(LENGTH "${bytes}" count)
math(EXPR count "${count} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "/* admin_page.html; made by admin_page.cmake */
#include \"src/admin_page.h\"

const size_t admin_page_bytes = ${count};
const char admin_page_policy[] =
	\"default-src 'none'; connect-src 'self'; img-src data:; \"
	\"style-src ${style}; \"
	\"script-src ${script}; \"
	\"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";
const char admin_page[] = {
${bytes}};
")
