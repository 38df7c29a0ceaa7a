# libbcast.so and libbcast.a: the segment, the protocol and the client. Nothing
# but bcast_* leaves them, and none of it needs liburing.
add_library(bcast SHARED)
target_link_libraries(bcast
	PUBLIC bcast_layer_include
	PRIVATE bcast_flags bcast_shm_objects bcast_wire_objects
		bcast_client_objects PkgConfig::ISAL Threads::Threads)
set_target_properties(bcast PROPERTIES
	VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})

# A static library cannot hide symbols between its members: join them into one
# object first and make everything that is not bcast_* local to it. Its users
# may have another compiler, so it is machine code even where we have LTO.
add_library(bcast_archive_objects OBJECT EXCLUDE_FROM_ALL
	${bcast_shm_sources} ${wire_sources} ${client_sources})
target_link_libraries(bcast_archive_objects
	PRIVATE bcast_layer_include bcast_layer_shm bcast_layer_net
		PkgConfig::ISAL bcast_flags)
set_target_properties(bcast_archive_objects PROPERTIES
	C_VISIBILITY_PRESET hidden INTERPROCEDURAL_OPTIMIZATION OFF)
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
	set(archived bcast_archive_objects)
else() # the same, and there already
	set(archived bcast_shm_objects bcast_wire_objects bcast_client_objects)
endif()
set(archived_objects "")
foreach(objects IN LISTS archived)
	list(APPEND archived_objects $<TARGET_OBJECTS:${objects}>)
endforeach()
set(joined ${CMAKE_CURRENT_BINARY_DIR}/bcast.o)
set(archive ${CMAKE_CURRENT_BINARY_DIR}/libbcast.a)
add_custom_command(OUTPUT ${archive}
	COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
	COMMAND ${CMAKE_LINKER} -r -o ${joined}
		${archived_objects}
	COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=bcast_*
		${joined}
	COMMAND ${CMAKE_AR} rcs ${archive} ${joined}
	DEPENDS ${archived} ${archived_objects}
	COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(bcast_archive ALL DEPENDS ${archive})

# How others find it: pkg-config, and find_package(bcast) for bcast::bcast.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bcast)
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up ${up})
configure_file(bcast.pc.in ${CMAKE_CURRENT_BINARY_DIR}/bcast.pc @ONLY)
configure_package_config_file(bcast-config.cmake.in
	${CMAKE_CURRENT_BINARY_DIR}/bcast-config.cmake
	INSTALL_DESTINATION ${package_dir}
	PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(
	${CMAKE_CURRENT_BINARY_DIR}/bcast-config-version.cmake
	COMPATIBILITY SameMajorVersion)

install(TARGETS bcast bcast_layer_include EXPORT bcast
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
		NAMELINK_COMPONENT development)
install(EXPORT bcast NAMESPACE bcast:: FILE bcast-targets.cmake
	DESTINATION ${package_dir} COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bcast-config.cmake
	${CMAKE_CURRENT_BINARY_DIR}/bcast-config-version.cmake
	DESTINATION ${package_dir} COMPONENT development)
install(FILES ${archive} DESTINATION ${CMAKE_INSTALL_LIBDIR}
	COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bcast.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
