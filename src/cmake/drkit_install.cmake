# cmake --install: both libraries, headers, a CMake package and a pkg-config file. The prefix may be moved afterwards.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(drkit_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/drkit)
set(drkit_cmake_dir ${PROJECT_SOURCE_DIR}/src/cmake)
set(drkit_curl_module "")
if(drkit_uses_curl)
  set(drkit_curl_module curl:libcurl)
endif()

# Two export sets: whoever links the shared library needs no private dependency at all.
install(TARGETS drkit EXPORT drkitSharedTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS drkit_static EXPORT drkitStaticTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(set IN ITEMS drkitSharedTargets drkitStaticTargets)
  install(EXPORT ${set} NAMESPACE drkit:: DESTINATION ${drkit_package_dir})
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/drkit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def")
if(EXISTS ${PROJECT_SOURCE_DIR}/capi/include)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/capi/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
endif()

if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(drkit_compatibility SameMinorVersion)
else()
  set(drkit_compatibility SameMajorVersion)
endif()
configure_package_config_file(${drkit_cmake_dir}/drkitConfig.cmake.in ${PROJECT_BINARY_DIR}/drkitConfig.cmake
  INSTALL_DESTINATION ${drkit_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/drkitConfigVersion.cmake COMPATIBILITY ${drkit_compatibility})
install(FILES ${PROJECT_BINARY_DIR}/drkitConfig.cmake ${PROJECT_BINARY_DIR}/drkitConfigVersion.cmake
  DESTINATION ${drkit_package_dir})

file(RELATIVE_PATH drkit_pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
# With drkit.pc, --static asks for the dependencies' own dependencies as well, which Debian has as shared libraries only.
foreach(name IN ITEMS drkit drkit-static)
  configure_file(${drkit_cmake_dir}/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
