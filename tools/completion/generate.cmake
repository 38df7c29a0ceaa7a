# SPDX-License-Identifier: MIT
#
# generate.cmake - bash completion for a program, from what its --help says.
#
#	cmake -D PROGRAM=path -D OUTPUT=path -P generate.cmake
#
# Run at build time, so that it cannot differ from the program. An option stands
# at the beginning of a line; what stands for its argument follows after one
# blank (or [= or =): a word in capitals, or choices with | between them, those
# in small letters to be typed as they are. FILE, NAME and GROUP are known;
# anything else only the user knows. What follows the options in the usage line
# is offered where no option is being typed.
cmake_minimum_required(VERSION 3.25)

get_filename_component(name ${PROGRAM} NAME)
string(REPLACE "-" "_" function "_${name}")
execute_process(COMMAND ${PROGRAM} --help OUTPUT_VARIABLE help
	RESULT_VARIABLE status)
if(NOT status EQUAL 0)
	message(FATAL_ERROR "${PROGRAM} --help: ${status}")
endif()

# What completes an argument, or an operand, that is written like this.
function(action placeholder result)
	set(words "")
	set(command "")
	string(REPLACE "|" ";" choices "${placeholder}")
	foreach(choice IN LISTS choices)
		if(choice MATCHES "^[a-z_][a-z0-9_-]*$")
			string(APPEND words " ${choice}")
		elseif(choice STREQUAL "NAME")
			string(APPEND command "; ${function}_streams")
		elseif(choice MATCHES "^(FILE|PATH)$")
			string(APPEND command "; ${function}_files")
		elseif(choice STREQUAL "GROUP")
			string(APPEND command "; ${function}_from -g")
		endif()
	endforeach()
	if(words)
		string(STRIP "${words}" words)
		string(APPEND command "; ${function}_from -W \"${words}\"")
	endif()
	string(REGEX REPLACE "^; " "" command "${command}")
	if(NOT command)
		set(command ":")
	endif()
	set(${result} "${command}" PARENT_SCOPE)
endfunction()

# A list in CMake's sense must not be cut at what happens to stand in the text.
string(REGEX REPLACE "[][;]" "~" lines "${help}")
string(REPLACE "\n" ";" lines "${lines}")
set(options "")
set(cases "")
set(operands "")
foreach(line IN LISTS lines)
	if(line MATCHES "^[Uu]sage: [^ ]+ ~[a-zA-Z]+~\\.\\.\\. ?(.*)$")
		set(operands "${CMAKE_MATCH_1}")
	elseif(line MATCHES "^ +(-([A-Za-z0-9]), )?--([a-z][a-z0-9-]*)(.*)$")
		set(option "--${CMAKE_MATCH_3}")
		set(letter "${CMAKE_MATCH_2}")
		set(rest "${CMAKE_MATCH_4}")
		string(APPEND options " ${option}")
		# after [=, the argument may be left out: nothing is known then
		if(rest MATCHES "^( |=)([A-Z][A-Za-z0-9/:|-]*|[^ ]*\\|[^ ]*)( |$)")
			action("${CMAKE_MATCH_2}" todo)
			# if(letter) would take -N for "no"
			if(NOT letter STREQUAL "")
				set(option "${option} | -${letter}")
			endif()
			string(APPEND cases
				"\t${option}) ${todo}; return ;;\n")
		endif()
	endif()
endforeach()
string(STRIP "${options}" options)
if(options STREQUAL "")
	message(FATAL_ERROR "${PROGRAM} --help: no options found")
endif()
string(REGEX REPLACE "[~. ]+" "|" operands "${operands}")
action("${operands}" operand)

file(WRITE ${OUTPUT} "# bash completion for ${name}: made from its --help.

${function}_from() {
	local line

	while IFS= read -r line; do
		COMPREPLY+=(\"$line\")
	done < <(compgen \"$@\" -- \"$current\")
}

${function}_files() {
	compopt -o filenames 2>/dev/null
	${function}_from -f
}

# Also of dead daemons: their segments are there to be read.
${function}_streams() {
	local object names=

	for object in /dev/shm/bcast.*; do
		[[ -e $object && $object != *.nodes && $object != *.lock ]] &&
			names+=\" \${object#/dev/shm/bcast.}\"
	done
	${function}_from -W \"$names\"
}

${function}() {
	local current=\${COMP_WORDS[COMP_CWORD]}
	local previous=\${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	# bash takes --option=value for three words
	if [[ $previous == = ]] && ((COMP_CWORD > 1)); then
		previous=\${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $current == = ]]; then
		current=
	fi
	case $previous in
${cases}	esac
	if [[ $current == -* ]]; then
		${function}_from -W \"${options}\"
	else
		${operand}
	fi
}

complete -F ${function} ${name}
")
