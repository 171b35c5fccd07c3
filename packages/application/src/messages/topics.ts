// Which topics a pattern stands for.

/** `*` stands for one word of the topic, `>` at the end for one or more. */
export function topicMatches(pattern: string, topic: string): boolean {
  const words = topic.split('.');
  const wanted = pattern.split('.');
  const isOpen = wanted.at(-1) === '>';
  if (isOpen ? words.length < wanted.length : words.length !== wanted.length) return false;
  return wanted.every((word, index) => word === '*' || word === '>' || word === words[index]);
}
