// Does what was read agree with what the corpus expects?
#ifndef POSTERN_TEST_CORPUS_EXPECTATIONS_H_
#define POSTERN_TEST_CORPUS_EXPECTATIONS_H_

#include <string>

#include "corpus/corpus_case.h"
#include "corpus/message_reader.h"

namespace postern::test {

// Empty: it does. Else the first difference, for people.
std::string Difference(const CorpusCase& one, const MessageReader& read);

}  // namespace postern::test

#endif  // POSTERN_TEST_CORPUS_EXPECTATIONS_H_
